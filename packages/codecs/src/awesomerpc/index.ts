export { awesomerpc } from './codec.ts'
