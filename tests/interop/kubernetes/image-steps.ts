/** There is no Docker here: the steps of the Dockerfile are done in folders, as far as they are not Docker's own. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../../../scripts/workspace.ts'

export const DOCKERFILE: string = join(ROOT, 'deploy/docker/Dockerfile')

/** Runs the first stage in `folder`/build, on what Docker would be given, and returns what the image has as /meltemi. */
export function buildImage(folder: string): string {
  const build = join(folder, 'build')
  for (const file of contextFiles()) {
    mkdirSync(dirname(join(build, file)), { recursive: true })
    cpSync(join(ROOT, file), join(build, file))
  }
  for (const command of commandsOfBuild()) run('sh', ['-euc', command], build)
  return join(folder, 'image')
}

/** What .dockerignore lets through, of what is not ignored anyway. */
function contextFiles(): readonly string[] {
  const rules = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')
  const allowed = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1))
  const list = run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...allowed], ROOT)
  return list.split('\0').filter((file) => file !== '')
}

function commandsOfBuild(): readonly string[] {
  const [, build = ''] = readFileSync(DOCKERFILE, 'utf8').split(/^FROM .*$/m)
  return [...build.replaceAll('\\\n', ' ').matchAll(/^RUN (.*)$/gm)].map(([, command]) => command as string)
}

function run(command: string, args: readonly string[], cwd: string): string {
  // of npm, which may have started the tests, the steps would think that they are in the checkout
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_registry)|^(?:NODE_OPTIONS|NODE_TEST_CONTEXT|INIT_CWD)$/i.test(name),
  )
  const options = { cwd, env: Object.fromEntries(inherited), encoding: 'utf8', timeout: 300_000 } as const
  const { status, stdout, stderr } = spawnSync(command, args, options)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}
