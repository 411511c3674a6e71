/** All codecs that come with Meltemi. */
export { awesomerpc } from './awesomerpc/index.ts'
export { brpc } from './brpc/index.ts'
export { dubbo } from './dubbo/index.ts'
export { thrift } from './thrift/index.ts'
export { trpc } from './trpc/index.ts'
