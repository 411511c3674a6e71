/**
 * `npm run newcomer`: does what a new user does, in an empty directory, and takes the time: create a project, install,
 * test, start, change a line of the codec, see it live, pack. Fails when a step fails, or when all take too long.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NewUser, type Terminal } from './new-user.ts'
import { ROOT } from './workspace.ts'

const LIMIT_S = 180
// What `npm start` prints while both versions answer, and when everything goes to the second.
const SPLIT = /^ +[1-9]\d? % +[1-9]\d? % +0 {2}hello world/m
const ALL_TO_V2 = /^ +0 % +100 % +0 {2}hello world/m
const LINE = /metadata\.set\('cmd', .+\)/
const CHANGED_LINE = "metadata.set('cmd', '2')"

const user = new NewUser()
const project = join(user.home, 'my-protocol')
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void user.leave().finally(() => process.exit(1)))
}
try {
  const beginMs = performance.now()
  await step('npm run create-codec', () =>
    user.run(user.home, 'npm', '--prefix', ROOT, 'run', 'create-codec', '--', 'my-protocol'),
  )
  await step('npm install', () => user.run(project, 'npm', 'install'))
  await step('npm test', () => user.run(project, 'npm', 'test'))
  await trySample(user.open(project, 'npm', 'start'))
  await step('npm run pack', () => user.run(project, 'npm', 'run', 'pack'))
  const totalS = (performance.now() - beginMs) / 1000
  print('all together', totalS)
  if (totalS > LIMIT_S) throw new Error(`a newcomer needs more than ${LIMIT_S} s`)
} finally {
  await user.leave()
}

async function trySample(terminal: Terminal): Promise<void> {
  await step('npm start, until both versions answer', () => terminal.prints(SPLIT))
  await step('a line changed, until it is live', () => {
    changeLine(join(project, 'src/codec.ts'))
    return terminal.prints(ALL_TO_V2)
  })
  await step('Ctrl-C, until all has ended', async () => {
    const code = await terminal.interrupt()
    if (code !== 0) throw new Error(`npm start ended with ${code}\n${terminal.output}`)
  })
}

/** Runs it, and prints how long it took. */
async function step(title: string, action: () => Promise<unknown>): Promise<void> {
  const beginMs = performance.now()
  await action()
  print(title, (performance.now() - beginMs) / 1000)
}

function print(title: string, seconds: number): void {
  process.stdout.write(`${title.padEnd(40)}${seconds.toFixed(1).padStart(6)} s\n`)
}

function changeLine(file: string): void {
  const source = readFileSync(file, 'utf8')
  if (!LINE.test(source)) throw new Error(`${file} has no line like ${LINE}`)
  writeFileSync(file, source.replace(LINE, CHANGED_LINE))
}
