import { sequential, conv, relu, maxPool, flatten, dense, trainableNetwork } from '/work/h/train/compiler/train/network/index.ts'
import { adamw, fit, samplesOf, losses } from '/work/h/train/compiler/train/index.ts'
import { trainingStep } from '/work/h/train/compiler/train/step.ts'
import { compiledExecutor } from '/work/h/train/compiler/execute.ts'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
const net = sequential([conv(16,3), relu(), maxPool(2), conv(32,3), relu(), maxPool(2), flatten(), dense(10)])
const model = trainableNetwork(net, { input: {dtype:'f32', shape:[28,28,1]}, activation:'softmax', seed:1 })
const N=32
const step = trainingStep(model, { batch:N, loss: losses['cross-entropy'], optimizer: adamw(), seed:1 })
let t=performance.now()
const inst = await compiledExecutor.instantiate(step.graph, step.state, step.start)
console.log('compile ms', performance.now()-t, inst.memory)
const x = inst.inputs.input, y=inst.inputs['attar:target'], w=inst.inputs['attar:weight']
const run=()=>{ for(let i=0;i<x.length;i++) x[i]=((i*7919)%255)/255; for(let i=0;i<N;i++){y[i]=i%10;w[i]=1}
 for (const [k,v] of Object.entries(adamw().scalars({step:1,learningRate:1e-3}))) inst.inputs['attar:scalar '+k][0]=v
 return inst.run() }
console.log(run()['attar:loss'][0])
t=performance.now(); let n=0; while(performance.now()-t<3000){run(); n++}
console.log('steps/s', n/((performance.now()-t)/1000), run()['attar:loss'][0])
