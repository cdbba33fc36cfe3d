import { passes } from '../passes/index.ts'
import x from 'lodash'
export const zz = [passes, x, 'Conv']
