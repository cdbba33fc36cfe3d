import { read } from './reader.js'

chrome.runtime.onInstalled.addListener(() =>
  chrome.contextMenus.create({ id: 'read', title: 'Read the digit in this picture', contexts: ['image'] }),
)

/** Shows the digit on the extension's button in that tab. */
chrome.contextMenus.onClicked.addListener(async ({ srcUrl }, { id: tabId }) => {
  const show = async (text, title) => {
    await chrome.action.setBadgeText({ tabId, text })
    await chrome.action.setTitle({ tabId, title })
  }
  try {
    const response = await fetch(srcUrl)
    if (!response.ok) throw new Error(`${srcUrl}: ${response.status}`)
    const [{ label, score }] = await read(await response.blob())
    await show(label, `This is ${label} (${Math.round(100 * score)} %).`)
  } catch (error) {
    await show('?', error.message)
  }
})
