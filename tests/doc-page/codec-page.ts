/** What is special in docs/write-a-codec.md. */
export const CODEC_PAGE = {
  ports: ['9000', '9001', '9002', '15000'],
  lasting: ['npm run proxy', 'npm start'],
  failing: ['npx meltemi codec test src/forgetful.ts --rule E3'],
  /** New rules, other machines, versions to come. */
  varying: /codec (?:test|fuzz|bench|rollback|pack) /,
} as const
