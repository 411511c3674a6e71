/** All codecs that come with Meltemi. */
export { awesomerpc } from './awesomerpc/index.ts'
export { dubbo } from './dubbo/index.ts'
export { thrift } from './thrift/index.ts'
