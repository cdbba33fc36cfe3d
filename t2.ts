import { sequential, conv, relu, maxPool, flatten, dense, trainableNetwork } from './compiler/train/network/index.ts'
import { adamw, fit, samplesOf, losses, scorer } from './compiler/train/index.ts'
import { compiledExecutor } from './compiler/execute.ts'
import { readDataset } from './compiler/data/index.ts'
const D='/usr/share/datasets/fashion-mnist/'
const net = sequential([conv(16,3), relu(), maxPool(2), conv(32,3), relu(), maxPool(2), flatten(), dense(10)])
const model = trainableNetwork(net, { input: {dtype:'f32', shape:[28,28,1]}, activation:'softmax', seed:1 })
const inputs=[{name:'input',dtype:'f32' as const,shape:[1,28,28,1]}]
let t=performance.now()
const tr = await readDataset(D+'train-images-idx3-ubyte.gz', inputs, {preprocess:{}})
console.log('read', performance.now()-t, tr.samples.length, tr.labels!.length)
const all = tr.samples.map((s,i)=>({inputs:{input:s.input!.data}, target: tr.labels![i]!}))
const train=samplesOf(all.slice(0,55000)), validation=samplesOf(all.slice(55000))
t=performance.now()
const r = await fit(model,{train,validation},{epochs:1,batch:32,loss:'cross-entropy',optimizer:adamw(),learningRate:2e-3,schedule:'one-cycle',seed:1},compiledExecutor,{onStep:e=>{ if(e.step%200===0) console.log(e.step,e.loss.toFixed(3), (e.step/((performance.now()-t)/1000)).toFixed(0))}, onEpoch:e=>console.log(JSON.stringify(e))})
