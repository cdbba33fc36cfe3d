import { Random } from '../support/random.ts'

/** Twenty scripts: sentences of our own, and the ranges of their characters, some of which belong to nothing. */
const scripts: readonly (readonly [
  name: string,
  sentences: readonly string[],
  ...ranges: readonly (readonly [number, number])[],
])[] = [
  [
    'Latin',
    ["It's late, isn't it? We'll see… 3.14% of £5,000!", 'Über die Straße: façade, naïve, İstanbul, ŉ ﬁn'],
    [0x20, 0x7e],
    [0xa0, 0x24f],
  ],
  ['Cyrillic', ['Съешь ещё этих мягких булок, да выпей чаю.', 'Йод и ёлка стоят 12,5 ₽'], [0x400, 0x52f]],
  ['Greek', ['Ο ΣΟΦΟΣ ΛΑΟΣ ξέρει πολλά, ΌΣΟΣ ΚΙ ΑΝ.', 'ᾧ ἄνθρωπε, τί ποιεῖς;'], [0x370, 0x3ff], [0x1f00, 0x1fff]],
  ['Arabic', ['مَرْحَبًا بِالعَالَمِ، كيف حالك؟', 'السعر ١٢٣٫٤٥ ريال'], [0x600, 0x6ff], [0xfe70, 0xfeff]],
  ['Hebrew', ['שָׁלוֹם עוֹלָם! מה שלומך?', 'זה עולה 30 ש״ח'], [0x591, 0x5f4]],
  ['Devanagari', ['नमस्ते दुनिया, आप कैसे हैं?', 'क्षत्रिय ज्ञान १२३।'], [0x900, 0x97f]],
  ['Bengali', ['আমার সোনার বাংলা, আমি তোমায় ভালোবাসি।', 'দাম ৫০ টাকা'], [0x981, 0x9fd]],
  ['Tamil', ['வணக்கம் உலகம்! எப்படி இருக்கிறீர்கள்?', 'விலை ௧௦ ரூபாய்'], [0xb82, 0xbfa]],
  ['Thai', ['สวัสดีชาวโลก วันนี้อากาศดีมาก', 'ราคา ๑๒๐ บาท น้ำ'], [0xe01, 0xe5b]],
  [
    'Hangul',
    ['안녕하세요, 세계! 오늘은 날씨가 좋네요.', '각 한글 ㅎㅎㅎ ㈜'],
    [0xac00, 0xd7a3],
    [0x1100, 0x11ff],
    [0x3131, 0x318e],
  ],
  ['Kana', ['こんにちは、世界。カタカナとひらがな', 'ﾊﾝｶｸ ｶﾞｷﾞｸﾞ 〜 か\u3099'], [0x3041, 0x30ff], [0xff61, 0xff9f]],
  [
    'Han',
    ['我能吞下玻璃而不伤身体。今天天气很好', '漢字と㍿ 𠮷野家 豈更車'],
    [0x4e00, 0x9fff],
    [0x20000, 0x2a6df],
    [0xf900, 0xfaff],
  ],
  ['Georgian', ['გამარჯობა, მსოფლიო! როგორ ხარ?', 'ᲒᲐᲛᲐᲠᲯᲝᲑᲐ 5 ლარი'], [0x10a0, 0x10ff], [0x1c90, 0x1cbf]],
  ['Armenian', ['Բարեւ, աշխարհ։ Ինչպե՞ս ես', 'և ﬔ ՀԱՅԱՍՏԱՆ'], [0x531, 0x58f]],
  ['Ethiopic', ['ሰላም ለዓለም። እንዴት ነህ፧', 'ዋጋ ፲፪ ብር'], [0x1200, 0x137c]],
  ['Khmer', ['សួស្តី​ពិភពលោក តើអ្នកសុខសប្បាយទេ?', 'តម្លៃ ៥០០០ រៀល'], [0x1780, 0x17f9]],
  ['Lao', ['ສະບາຍດີຊາວໂລກ ມື້ນີ້ອາກາດດີ', 'ລາຄາ ໑໐໐ ກີບ ນ້ຳ'], [0xe81, 0xedf]],
  ['Myanmar', ['မင်္ဂလာပါ ကမ္ဘာလောက။ နေကောင်းလား', 'စျေး ၅၀၀ ကျပ်'], [0x1000, 0x109f]],
  ['Sinhala', ['ආයුබෝවන් ලෝකය! ඔබට කොහොමද?', 'මිල රුපියල් ශ්‍රී'], [0xd82, 0xdf4]],
  [
    'symbols',
    [
      '👩‍👩‍👧‍👦 👍🏽 🇫🇷 ❤️ #️⃣ e\u0301\u0323 a\u0323\u0301',
      '\0\u0001\u200b\u200d\ufeff\u00ad\ufffd \ud800 x\udc00\t\n\r\n \u00a0\u3000\u2028 ½²Ⅷ㋿ ﷺ',
    ],
    [0x2000, 0x2bff],
    [0x1f300, 0x1faff],
    [0x300, 0x36f],
    [0, 0x9f],
    [0xd800, 0xdfff],
    [0x1d400, 0x1d7ff],
  ],
]

/** Lines in all scripts, in turn: sentences, characters at random, and both mixed with others, with marks of tokenizers between. */
export function linesOf(count: number): string[] {
  const generator = new Random(20)
  const random = (): number => generator.float()
  const below = (n: number): number => Math.floor(random() * n)
  const one = <T>(all: readonly T[]): T => all[below(all.length)]!
  const noise = (ranges: readonly (readonly [number, number])[]): string =>
    Array.from({ length: 1 + below(24) }, () => {
      const [from, to] = one(ranges)
      return random() < 0.2
        ? one([' ', ' ', '  ', '.', '\n', "'s", '12', '-'])
        : String.fromCodePoint(from + below(to - from + 1))
    }).join('')
  return Array.from({ length: count }, (_, i) => {
    const [, sentences, ...ranges] = scripts[i % scripts.length]!
    const turn = Math.floor(i / scripts.length)
    if (turn < sentences.length) return sentences[turn]!
    const words = one(sentences).split(' ')
    const parts = Array.from({ length: 1 + below(4) }, () =>
      random() < 0.4
        ? noise(ranges)
        : random() < 0.5
          ? words.slice(below(words.length)).join(' ')
          : one([
              one(one(scripts)[1]),
              '[MASK]',
              '<s>',
              ' </s> ',
              'ABC abc',
              'a'.repeat(below(150)),
              '   ',
              'newword',
              'renewword',
            ] as string[]),
    )
    return parts.join(one(['', ' ', ' ', '\t']))
  })
}
