/** `meltemi validate`: what is wrong with each resource of some files by itself. */

import { Command } from 'commander'
import type { Console } from '../console.ts'
import { type CheckFlags, checkResources, outputOption, reportResult } from './check-resources.ts'

const HELP = `
Takes what kubectl takes: YAML or JSON, several documents in a file, lists. Of a folder all files count that end in .yaml,
.yml or .json; folders in it are not entered. Kinds that Meltemi does not act on are skipped with a note. A field that is
not there is an error in Meltemi's own kinds, and a warning in those of Istio and Kubernetes, where it has no effect.
docs/resources.md lists kinds, fields and codes. What shows only beside other resources is for: meltemi analyze.

Examples:
  Before resources are applied:
    $ meltemi validate resources/
  In a pipeline, for a program:
    $ meltemi validate -o json resources/ router.yaml

Each line has the file, line, column and path of a problem, what it is, what to do about it, and its code.
Exit code: 0 without errors, whatever warnings there are; 1 with any error.
`

/** The command with its options; what they mean is said in `--help`. */
export function createValidateCommand(console: Console, result: { exitCode: number }): Command {
  return new Command('validate')
    .description('Checks each resource of files by itself, without a control plane.')
    .argument('<path...>', 'files, and folders with files')
    .addOption(outputOption())
    .addHelpText('after', HELP)
    .action(async (paths: readonly string[], flags: CheckFlags) => {
      const { validateResources } = await import('@meltemi/control-plane/validate')
      const checked = await checkResources(paths, async (resources) => validateResources(resources))
      result.exitCode = reportResult(checked, flags, console)
    })
}
