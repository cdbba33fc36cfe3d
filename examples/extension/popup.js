import { read } from './reader.js'

const element = (id) => document.getElementById(id)

/** Shows what a picture file is read as; three digits, the likeliest first. */
async function show(file) {
  if (!file) return
  try {
    const found = await read(file)
    element('answer').textContent = `This is ${found[0].label}.`
    element('bars').replaceChildren(
      ...found.slice(0, 3).flatMap(({ label, score }) => {
        const [name, value, bar, share] = ['dt', 'dd', 'span', 'span'].map((tag) => document.createElement(tag))
        const percent = Math.round(100 * score)
        name.textContent = label
        bar.className = 'bar'
        bar.style.setProperty('--share', `${percent}%`)
        share.textContent = `${percent} %`
        value.append(bar, share)
        return [name, value]
      }),
    )
  } catch (error) {
    element('answer').textContent = error.name === 'InvalidStateError' ? 'This is no picture.' : error.message
    element('bars').replaceChildren()
  }
}

element('file').addEventListener('change', ({ target }) => show(target.files[0]))
addEventListener('paste', ({ clipboardData }) => show(clipboardData.files[0]))
