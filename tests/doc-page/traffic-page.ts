/** What is special in docs/steer-traffic.md. */
export const TRAFFIC_PAGE = {
  ports: ['9000', '9001', '9002', '15000', '15010', '15080'],
  lasting: ['npx meltemi up mesh --module ./src/codec.ts', 'node src/serve.ts', 'node src/call.ts'],
  failing: ['npx meltemi diff -f canary.yaml', 'npx meltemi apply -f mistake.yaml'],
  varying: /^no command/,
} as const
