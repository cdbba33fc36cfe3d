import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Crew } from '../../compiler/cli/tune/queue/crew.ts'

const worker = { name: 'w', jobs: 1, refusal: undefined }

describe('workers', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())
  const after = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1000)

  const greet = (crew: Crew, ...ids: string[]): void => {
    for (const id of ids) {
      crew.greet(id, worker)
      crew.settle()
    }
  }

  it('count at once where there is no other, and else when all others have given a sign', () => {
    const crew = new Crew()
    greet(crew, 'a')
    expect(crew.jobs).toBe(1)
    after(1)
    greet(crew, 'b')
    after(1)
    greet(crew, 'c')
    expect([crew.size, crew.jobs]).toEqual([3, 1])
    after(1)
    greet(crew, 'a')
    expect(crew.jobs).toBe(2)
    greet(crew, 'b')
    expect(crew.jobs).toBe(3)
  })

  it('take the place of one that is killed, beside which they never count', () => {
    const crew = new Crew()
    greet(crew, 'killed')
    for (let i = 0; i < 4; i++) {
      after(1)
      greet(crew, 'next')
      expect(crew.jobs).toBe(1)
    }
    expect(crew.silent(3)).toEqual(['killed'])
    crew.forget('killed')
    expect(crew.jobs).toBe(0)
    expect(crew.settle()).toBe(true)
    expect(crew.jobs).toBe(1)
  })

  it('that take no trials keep nobody waiting', () => {
    const crew = new Crew()
    crew.greet('other', { ...worker, refusal: 'its data is another' })
    after(1)
    greet(crew, 'a')
    expect([crew.able, crew.jobs]).toEqual([1, 1])
    expect(crew.greet('a', { ...worker, jobs: 2 })).toBe(true)
    expect(crew.jobs).toBe(2)
  })
})
