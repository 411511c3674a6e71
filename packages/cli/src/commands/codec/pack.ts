/** `meltemi codec pack`: one file of a codec, to be handed to proxies elsewhere. */

import { Command, InvalidArgumentError, Option } from 'commander'
import { type Console, printLine } from '../../console.ts'
import type { PackedCodec } from '../../pack/pack-codec.ts'

interface PackFlags {
  readonly out: string
  readonly oci?: string
  readonly codec?: string
  readonly name?: string
  readonly packageVersion?: string
  readonly sourceDateEpoch?: number
}

const NAME_DEFAULT = "the nearest package.json's, else the codec's own"
const VERSION_DEFAULT = "the nearest package.json's, else 0.0.0"
/** The last time that JavaScript knows. */
const MAX_EPOCH_S = 8.64e12

const HELP = `
Everything that FILE imports goes into the module, @meltemi/sdk too: it runs where nothing else is installed. Native
add-ons, and imports whose name is known only at run time, are refused. The module is loaded before it is written. The
same sources give the same bytes in any folder. Written are, with name and version:

  NAME-VERSION.mjs        the module
  NAME-VERSION.json       its sha256, its codecs and filters with their contract, the sdk and the Node that it is for
  NAME-VERSION.cdx.json   its packages with licences and digests of their files (CycloneDX 1.6)

Examples:
  Pack a codec, and check its digest where it is used; the last line is one that sha256sum reads:
    $ meltemi codec pack ./my-codec.ts | tail -n 1 >my-codec.sha256
    $ sha256sum -c my-codec.sha256
    $ meltemi proxy -c proxy.yaml --module dist/my-codec-1.0.0.mjs
  Make an OCI artifact of it, and copy that to a registry by a tool such as oras:
    $ meltemi codec pack ./my-codec.ts --oci dist/oci
    $ oras cp --from-oci-layout dist/oci:1.0.0 registry.example/my-codec:1.0.0

Exit code: 0 when all is written, 1 for anything wrong, with one line on stderr per fault; what is refused is not written.
`

/** The command with its options; what they mean is said in `--help`. */
export function createCodecPackCommand(console: Console, result: { exitCode: number }): Command {
  return new Command('pack')
    .description('Makes one self-contained module of a codec, with its digest and its bill of materials.')
    .argument('<file>', 'module that exports codecs or filters, TypeScript or JavaScript')
    .addOption(new Option('--out <dir>', 'folder of the files that are written').default('dist'))
    .addOption(new Option('--oci <dir>', 'also write an OCI image layout into this folder (default: none)'))
    .addOption(new Option('--codec <name>', 'pack only this one of its codecs (default: all)'))
    .addOption(new Option('--name <name>', `name of the package (default: ${NAME_DEFAULT})`))
    .addOption(new Option('--package-version <version>', `its version (default: ${VERSION_DEFAULT})`))
    .addOption(
      new Option('--source-date-epoch <seconds>', 'time to state, in seconds since 1970 (default: none is stated)')
        .env('SOURCE_DATE_EPOCH')
        .argParser(parseEpoch),
    )
    .addHelpText('after', HELP)
    .action(async (file: string, flags: PackFlags) => {
      const { packCodec } = await import('../../pack/pack-codec.ts') // the bundler is of no use to other commands
      const packed = await packCodec({
        file,
        out: flags.out,
        oci: flags.oci,
        codec: flags.codec,
        name: flags.name,
        version: flags.packageVersion,
        sourceDateEpoch: flags.sourceDateEpoch,
      })
      report(packed, flags, console)
      result.exitCode = 0
    })
}

function report(packed: PackedCodec, { oci }: PackFlags, console: Console): void {
  for (const name of packed.missing) {
    printLine(console, 'warning', `package '${name}' is not installed and not packed: its importer goes on without it`)
  }
  const contents = [
    ...packed.codecs.map(({ name, contract }) => `codec ${name}, contract ${contract}`),
    ...packed.filters.map(({ name }) => `filter ${name}`),
  ]
  const { module, manifest, sbom } = packed.files
  console.write(`packed ${packed.name} ${packed.version}, ${packed.size} bytes: ${contents.join('; ')}\n`)
  console.write(`wrote ${module}, ${manifest}, ${sbom}\n`)
  if (packed.oci !== undefined) console.write(`wrote ${oci}: tag ${packed.oci.tag}, ${packed.oci.digest}\n`)
  console.write(`${packed.sha256}  ${module}\n`)
}

function parseEpoch(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= MAX_EPOCH_S) return seconds
  throw new InvalidArgumentError(`It should be a whole number from 0 to ${MAX_EPOCH_S}.`)
}
