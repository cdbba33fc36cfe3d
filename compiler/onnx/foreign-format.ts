/** What a file that is no ONNX model is, and what to do about it. */
export interface ForeignFormat {
  /** e.g. `a TensorFlow Lite model (.tflite)`. */
  readonly name: string
  readonly hint: string
}

/** A character for each byte. */
const text = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to))

/** Of a flatbuffer: an offset below 64 KiB, then the identifier. */
const isFlatbuffer = (bytes: Uint8Array, identifier: string): boolean =>
  bytes[2] === 0 && bytes[3] === 0 && text(bytes, 4, 8) === identifier

/** A header's length as u64, then the header, which is JSON. */
function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
  return length >= 2n && length <= BigInt(bytes.length - 8)
}

const torch = 'torch.onnx.export(model, example, "model.onnx", dynamo=True) makes one of the model in PyTorch'
const keras = 'tf2onnx makes an ONNX model of it: python -m tf2onnx.convert --keras model.h5 --output model.onnx'
const transformers = 'export the model that they belong to: optimum-cli export onnx --model NAME folder/'

const formats: readonly (ForeignFormat & { readonly is: (bytes: Uint8Array, start: string) => boolean })[] = [
  {
    name: 'a pointer of Git LFS, not the file itself',
    hint: '`git lfs pull` in the repository fetches the file',
    is: (_, start) => start.startsWith('version https://git-lfs'),
  },
  {
    name: 'a page of HTML',
    hint: 'the download went wrong: the server answered with a page. Take the link to the raw file',
    is: (_, start) => /^\s*(<!doctype html|<html)/i.test(start),
  },
  {
    name: 'a picture',
    hint: 'give the model; pictures go to attar run --input NAME=picture.png',
    is: (_, start) => /^(\x89PNG|\xff\xd8\xff|GIF8|RIFF[^]{4}WEBP)/.test(start),
  },
  {
    name: 'a model in the format of onnxruntime (.ort)',
    hint: 'give the .onnx that it was made of; .ort cannot be converted back',
    is: (bytes) => isFlatbuffer(bytes, 'ORTM'),
  },
  {
    name: 'a TensorFlow Lite model (.tflite)',
    hint: 'tf2onnx makes an ONNX model of it: python -m tf2onnx.convert --tflite model.tflite --output model.onnx',
    is: (bytes) => isFlatbuffer(bytes, 'TFL3'),
  },
  {
    name: 'a PyTorch file (.pt, .pth)',
    hint: torch,
    is: (_, start) => start.startsWith('PK') && /data\.pkl|\/version|torch/.test(start),
  },
  {
    name: 'an archive of NumPy arrays (.npz)',
    hint: 'it has arrays, not a model',
    is: (_, start) => /^PK\x03\x04[^]{26}[^]{0,80}?\.npy/.test(start),
  },
  {
    name: 'a Keras model (.keras)',
    hint: keras,
    is: (_, start) => start.startsWith('PK') && /metadata\.json|config\.json/.test(start),
  },
  {
    name: 'a ZIP archive',
    hint: 'unpack it, and give the .onnx in it',
    is: (_, start) => start.startsWith('PK\x03\x04'),
  },
  {
    name: 'a gzip archive',
    hint: 'unpack it, and give the .onnx in it',
    is: (_, start) => start.startsWith('\x1f\x8b'),
  },
  {
    name: 'a Python pickle (of PyTorch, scikit-learn or another)',
    hint: `${torch}; skl2onnx.to_onnx(model, X) does in scikit-learn`,
    is: (bytes) => bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5,
  },
  { name: 'an HDF5 file (.h5), as Keras writes', hint: keras, is: (_, start) => start.startsWith('\x89HDF\r\n') },
  {
    name: 'weights in GGUF, the format of llama.cpp',
    hint: transformers,
    is: (_, start) => start.startsWith('GGUF'),
  },
  { name: 'weights in safetensors, which has no graph', hint: transformers, is: isSafetensors },
  {
    name: 'a WebAssembly module',
    hint: '`attar run` and `attar inspect` take modules that attar compiled',
    is: (_, start) => start.startsWith('\0asm'),
  },
  {
    name: 'a NumPy array (.npy)',
    hint: 'it has numbers, not a model',
    is: (_, start) => start.startsWith('\x93NUMPY'),
  },
  {
    name: 'XML, as OpenVINO writes',
    hint: 'give the ONNX model that it was made of',
    is: (_, start) => /^\s*<\?xml/.test(start),
  },
  {
    name: 'a text model of LightGBM',
    hint: 'onnxmltools.convert_lightgbm makes an ONNX model of it',
    is: (_, start) => start.startsWith('tree\nversion='),
  },
  {
    name: 'JSON (as of TensorFlow.js or XGBoost)',
    hint: 'convert the model that it was made of: tf2onnx for TensorFlow, onnxmltools.convert_xgboost for XGBoost',
    is: (_, start) => /^\s*[{[]\s*["{\]}]/.test(start),
  },
]

/** By its first bytes, what a file is that people take for an ONNX model; undefined where it may be one. */
export function foreignFormat(bytes: Uint8Array): ForeignFormat | undefined {
  const start = text(bytes, 0, 256)
  return formats.find(({ is }) => is(bytes, start))
}
