export { brpc } from './codec.ts'
