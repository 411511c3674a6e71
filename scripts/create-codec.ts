/**
 * `npm run create-codec -- my-protocol --dir DIR`: `npm create meltemi-codec` out of a checkout. The project brings the
 * packages of this checkout along, packed as they would be published, and needs the checkout no more.
 */

import { runCreate } from 'create-meltemi-codec'
import { packWorkspace } from './pack-workspace.ts'

process.exitCode = runCreate(process.argv.slice(2), {
  typed: (...words) => ['npm run create-codec --', ...words].join(' '),
  directory: process.env['INIT_CWD'] ?? process.cwd(), // where the user is, wherever npm runs its scripts
  pack: () => packWorkspace(),
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
})
