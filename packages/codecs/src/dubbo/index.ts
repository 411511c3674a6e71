export { dubbo } from './codec.ts'
