import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { type GenFile, messageDesc } from '@bufbuild/protobuf/codegenv2'
import { FieldDescriptorProto_Type as FieldType, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { fileDesc } from './file-desc.ts'

/** One message with a field of each message that is imported. */
function describe(name: string, imports: readonly GenFile[]): GenFile {
  const field = imports.map(({ name }, index) => ({
    name,
    number: index + 1,
    type: FieldType.MESSAGE,
    typeName: `.${name}.Message`,
  }))
  const messageType = [{ name: 'Message', field }]
  const proto = create(FileDescriptorProtoSchema, {
    name: `${name}.proto`,
    package: name,
    syntax: 'proto3',
    messageType,
  })
  return fileDesc(Buffer.from(toBinary(FileDescriptorProtoSchema, proto)).toString('base64'), imports)
}

test('to describe a file takes no longer for the ways that lead to what it imports', () => {
  let layer: GenFile[] = []
  // 3 ** 30 ways from the last to the first
  for (let n = 0; n < 30; n++) layer = ['a', 'b', 'c'].map((name) => describe(`${name}${n}`, layer))
  const top = layer[0] as GenFile
  assert.deepEqual(
    top.dependencies.map((each) => each.name),
    ['a28', 'b28', 'c28'],
  )
  const [first] = messageDesc(top, 0).fields
  assert.equal(first?.message?.typeName, 'a28.Message')
  assert.equal(first.message.file, top.dependencies[0])
})

test('all generated code describes its files so', async () => {
  const folder = join(import.meta.dirname, 'gen')
  let files = 0
  for await (const name of glob('**/*_pb.ts', { cwd: folder })) {
    files++
    const text = readFileSync(join(folder, name), 'utf8')
    assert.match(text, /^import \{ fileDesc \} from "(\.\.\/)+file-desc\.ts";$/m, name)
  }
  assert.ok(files > 100, `${files} files`)
})
