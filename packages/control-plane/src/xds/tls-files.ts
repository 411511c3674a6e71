import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Clock, Logger, Timer } from '@meltemi/runtime'
import type { GrpcServerTls } from '@meltemi/runtime/grpc'

/** Paths of files in PEM. */
export interface TlsFiles {
  /** The server's own, followed by those that signed it. */
  readonly certificates: string
  readonly privateKey: string
  /** Who signs the certificates that clients must show; undefined: they need none. */
  readonly clientAuthorities: string | undefined
}

export interface TlsFilesWatchOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** If it throws, the files are read again. */
  readonly onChange: (tls: GrpcServerTls) => void
}

const INTERVAL_MS = 10_000

/** Throws when one of them cannot be read. */
export function readTlsFiles({ certificates, privateKey, clientAuthorities }: TlsFiles): GrpcServerTls {
  const authorities = clientAuthorities === undefined ? {} : { clientAuthorities: readFileSync(clientAuthorities) }
  return { certificates: readFileSync(certificates), privateKey: readFileSync(privateKey), ...authorities }
}

/** Looks at files every 10 s. What cannot be read, or does not fit together yet, changes nothing. */
export class TlsFilesWatch {
  readonly #files: readonly string[]
  readonly #options: TlsFilesWatchOptions
  #seen: readonly Buffer[] | undefined
  #timer: Timer | undefined
  #isClosed = false

  constructor({ certificates, privateKey, clientAuthorities }: TlsFiles, options: TlsFilesWatchOptions) {
    this.#files = [certificates, privateKey, ...(clientAuthorities === undefined ? [] : [clientAuthorities])]
    this.#options = options
  }

  start(): void {
    if (this.#isClosed) return
    this.#timer = this.#options.clock.setTimer(INTERVAL_MS, () => void this.#look().then(() => this.start()))
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #look(): Promise<void> {
    try {
      const found = await Promise.all(this.#files.map((file) => readFile(file)))
      if (this.#isClosed || this.#seen?.every((each, index) => each.equals(found[index] as Buffer))) return
      const [certificates, privateKey, clientAuthorities] = found as [Buffer, Buffer, Buffer?]
      this.#options.onChange({
        certificates,
        privateKey,
        ...(clientAuthorities === undefined ? {} : { clientAuthorities }),
      })
      this.#seen = found
    } catch (error: unknown) {
      const message = error instanceof Error ? error.message : String(error)
      this.#options.logger
        .limited('tls-files', 1)
        ?.warn('the certificate of xDS stays, for the files are not right', { message })
    }
  }
}
