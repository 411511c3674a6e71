export { thrift } from './codec.ts'
