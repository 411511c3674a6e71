/** `meltemi control-plane`: resources in, configuration for proxies out. */

import { Command } from 'commander'
import type { Console } from '../console.ts'
import {
  addControlPlaneOptions,
  CONTROL_PLANE_HELP,
  type ControlPlaneFlags,
  describeControlPlane,
  toControlPlaneOptions,
} from './control-plane-options.ts'

const HELP = `${CONTROL_PLANE_HELP}
An option that names a variable (env) takes it from the environment when it is not given itself.

Examples:
  Serve a folder, and let a proxy come for it:
    $ meltemi control-plane resources/
    $ meltemi proxy --xds 127.0.0.1:15010
  See what is there; the same is at http://127.0.0.1:15080/ for people:
    $ meltemi get metarouters,serviceentries -A
    $ meltemi proxy-status

Signals:
  SIGTERM or SIGINT ends it; proxies keep what they have. A second one exits at once.

Exit code: 0 when it was asked to end, 1 for anything wrong, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createControlPlaneCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('control-plane')
    .description('Serves the resources of a folder to proxies, with an API and a live page.')
    .argument('<directory>', 'folder with resources, or one file')
  return addControlPlaneOptions(command)
    .addHelpText('after', HELP)
    .action(async (directory: string, flags: ControlPlaneFlags) => {
      result.exitCode = await runControlPlane(directory, flags, console)
    })
}

async function runControlPlane(directory: string, flags: ControlPlaneFlags, console: Console): Promise<number> {
  const { startControlPlane } = await import('@meltemi/control-plane')
  const { serveUntilSignal } = await import('./serve-until-signal.ts')
  return serveUntilSignal(async () => {
    const controlPlane = await startControlPlane(toControlPlaneOptions(directory, flags))
    console.write(`ready: ${describeControlPlane(controlPlane, flags)}\n`)
    const done = Promise.withResolvers<number>()
    const end = (): void => void controlPlane.close().then(() => done.resolve(0), done.reject)
    return { drain: end, done: done.promise }
  })
}
