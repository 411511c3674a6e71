/** `npm run api-docs`: writes docs/api from the docstrings of the public interface. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeApiPages } from './api-docs/pages.ts'
import { ROOT } from './workspace.ts'

for (const { file, text } of makeApiPages()) {
  mkdirSync(dirname(join(ROOT, file)), { recursive: true })
  writeFileSync(join(ROOT, file), text)
  console.log(`wrote ${file}`)
}
