/** `meltemi codec inspect`: what a codec finds in a capture, or in bytes that one has at hand. */

import type { Side } from '@meltemi/sdk'
import { Command, Option } from 'commander'
import { inspectCapture } from '../../capture/inspect-capture.ts'
import { inspectHex, parseHex } from '../../capture/inspect-hex.ts'
import { jsonReport } from '../../capture/json-report.ts'
import { textReport } from '../../capture/text-report.ts'
import { CommandError } from '../../command-error.ts'
import type { Console } from '../../console.ts'
import { collect, parseWhole } from '../option-values.ts'
import { type LoadedCodec, loadCodec } from './load-codec.ts'

interface InspectFlags {
  readonly pcap?: string
  readonly hex?: readonly string[]
  readonly side: 'request' | 'reply'
  readonly port?: number
  readonly serverPort?: number
  readonly codec?: string
  readonly config?: string
  readonly format: 'text' | 'json'
  readonly bytes?: number | true
  readonly redact: readonly string[]
  readonly maxMessageBytes: number
  readonly maxWaitingBytes: number
  readonly maxConnections: number
  readonly maxHeldBytes: number
}

const MAX_PORT = 65_535
const MAX_LIMIT = 2 ** 31 - 1
const MIB = 1024 * 1024
const DEFAULT_SHOWN_BYTES = 4096
const MAX_SHOWN_BYTES = 65_536
const MAX_HEX_TEXT = 64 * MIB
const SIDES: Readonly<Record<InspectFlags['side'], Side>> = { request: 'downstream', reply: 'upstream' }

const HELP = `
Each line is one exchange: time, connection, client > server, id, properties, bytes of the request > of the reply,
outcome, latency. Lines with "!" say what could not be read. A summary comes last. docs/inspect.md says more.

Captures: pcap and pcapng, as tcpdump, dumpcap and Wireshark write them; "-" reads one from standard input.
Link types: Ethernet with VLAN tags, raw IP, BSD loopback, Linux cooked. TCP over IPv4 or IPv6, not compressed, not TLS.

Examples:
  Watch a service, live:
    $ tcpdump -i any -U -w - 'tcp port 9090' | meltemi codec inspect thrift --port 9090 --pcap -
  What a capture holds for one port, for a program:
    $ meltemi codec inspect ./my-codec.ts --pcap capture.pcapng --port 9090 --format json
  With the bytes of each message, 64 at most, and without the values of a property:
    $ meltemi codec inspect thrift --pcap capture.pcapng --bytes 64 --redact token
  Bytes from anywhere:
    $ meltemi codec inspect awesomerpc --hex 00 0000002a 0000000f 0001 0000 6869
    $ meltemi codec inspect thrift --side reply --hex - < reply.hex

Exit code: 0 when all was read to its end, whatever is in it; 1 when it could not be read, or --hex was refused by the
codec, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createCodecInspectCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('inspect')
    .description('Shows the messages of a capture, or of bytes, as a codec reads them.')
    .argument('<file>', 'codec module, TypeScript or JavaScript, or the name of a built-in codec')
    .addOption(new Option('--pcap <file>', 'capture to read; "-" is standard input').conflicts('hex'))
    .addOption(new Option('--hex <bytes...>', 'bytes to read, in hexadecimal; "-" is standard input'))
    .addOption(
      new Option('--side <side>', 'who sent the bytes of --hex').choices(['request', 'reply']).default('request'),
    )
    .addOption(port('--port <n>', 'only connections of this port, which is the service’s'))
    .addOption(port('--server-port <n>', 'the service’s port where the start of a connection was not captured'))
    .addOption(new Option('--codec <name>', 'which codec, where the module exports several'))
    .addOption(new Option('--config <json>', 'options of the codec, as in a configuration'))
    .addOption(
      new Option('--format <format>', 'text, or one JSON object a line').choices(['text', 'json']).default('text'),
    )
    .addOption(
      new Option('--bytes [n]', `show the first n bytes of each message (without n: ${DEFAULT_SHOWN_BYTES})`).argParser(
        parseWhole(1, MAX_SHOWN_BYTES),
      ),
    )
    .addOption(
      new Option('--redact <key>', 'show *** for the value of this property; repeatable')
        .argParser(collect)
        .default([], 'none'),
    )
  return addLimits(command)
    .addHelpText('after', HELP)
    .action(async (file: string, flags: InspectFlags) => {
      result.exitCode = await runInspect(file, flags, console)
    })
}

function addLimits(command: Command): Command {
  return command
    .addOption(limit('--max-message-bytes <n>', 'a longer message is refused', 16 * MIB))
    .addOption(limit('--max-waiting-bytes <n>', 'of segments before their turn, each direction', MIB))
    .addOption(limit('--max-connections <n>', 'open at once; beyond it the idlest is given up', 10_000))
    .addOption(limit('--max-held-bytes <n>', 'of all connections; beyond it the idlest is given up', 256 * MIB))
}

function port(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseWhole(1, MAX_PORT))
}

function limit(flags: string, description: string, byDefault: number): Option {
  return new Option(flags, description).argParser(parseWhole(1, MAX_LIMIT)).default(byDefault)
}

async function runInspect(file: string, flags: InspectFlags, console: Console): Promise<number> {
  const { pcap, hex, format } = flags
  if (pcap === undefined && hex === undefined) throw new CommandError(['give a capture by --pcap, or bytes by --hex'])
  const { definition } = await loadCodec(file, flags.codec)
  const options = {
    definition,
    config: readConfig(definition, flags.config),
    redacted: new Set(flags.redact.map((key) => key.toLowerCase())),
    maxShownBytes: shownBytes(flags),
    maxMessageBytes: flags.maxMessageBytes,
  }
  if (hex !== undefined) {
    const bytes = parseHex(hex.length === 1 && hex[0] === '-' ? await readInput() : hex.join(' '))
    inspectHex(bytes, { ...options, side: SIDES[flags.side], format, write: (text) => console.write(text) })
    return 0
  }
  await inspectCapture(pcap as string, {
    ...options,
    port: flags.port,
    serverPort: flags.port ?? flags.serverPort,
    maxWaitingBytes: flags.maxWaitingBytes,
    maxConnections: flags.maxConnections,
    maxHeldBytes: flags.maxHeldBytes,
    report: format === 'json' ? jsonReport : textReport,
    write: async (text) => {
      console.write(text)
      await console.flush?.()
    },
  })
  return 0
}

async function readInput(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('latin1')) {
    text += chunk
    if (text.length > MAX_HEX_TEXT)
      throw new CommandError([`--hex: standard input has more than ${MAX_HEX_TEXT} bytes`])
  }
  return text
}

/** Who types bytes wants to see them, unless some are to be hidden. */
function shownBytes({ bytes, hex, redact }: InspectFlags): number | undefined {
  if (bytes !== undefined) return bytes === true ? DEFAULT_SHOWN_BYTES : bytes
  return hex !== undefined && redact.length === 0 ? DEFAULT_SHOWN_BYTES : undefined
}

/** Throws a CommandError with what the codec says against its options. */
function readConfig(definition: LoadedCodec['definition'], json: string | undefined): unknown {
  if (json === undefined) return undefined
  let config: unknown
  try {
    config = JSON.parse(json)
  } catch (error: unknown) {
    throw new CommandError([`--config is no JSON: ${(error as Error).message}`])
  }
  if (definition.validate === undefined) throw new CommandError([`--config: ${definition.name} takes no options`])
  const faults = definition.validate(config)
  if (faults.length > 0) throw new CommandError(faults.map((fault) => `--config: ${fault}`))
  return config
}
