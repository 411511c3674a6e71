import { fileDesc as describeFile, type GenFile } from '@bufbuild/protobuf/codegenv2'

/**
 * For the code in `gen`, instead of the library's: that visits what a file imports once for each way that leads there, of
 * which there are tens of thousands among Envoy's files. Nothing refers to types of files that it does not import itself.
 */
export function fileDesc(base64: string, imports: readonly GenFile[] = []): GenFile {
  const file = describeFile(base64, imports.map(withoutImports))
  return Object.assign(file, { dependencies: imports })
}

function withoutImports(file: GenFile): GenFile {
  return Object.create(file, { dependencies: { value: [], enumerable: true } }) as GenFile
}
