import { isOutpostError } from 'outpost'
import { describe, expect, it } from 'vitest'
import {
  allOptions,
  type ConfigurationSources,
  describeConfiguration,
  loadConfiguration,
} from './configuration.ts'
import { siteOptionsOf } from './site-options.ts'

const least = {
  SITE_NAME: 'observatory',
  SITE_TYPE: 'secondary',
  MAIN_DB_HOST: 'main',
  LOCAL_DB_HOST: 'replica',
  SECRET_KEY: 'sixteen characters',
}

function problemsOf(sources: ConfigurationSources): readonly string[] {
  try {
    loadConfiguration(sources)
    return []
  } catch (error) {
    if (!isOutpostError(error, 'config_invalid')) throw error
    return error.details.problems as readonly string[]
  }
}

describe('loadConfiguration', () => {
  it('has a documented default for everything that is not required', () => {
    const configuration = loadConfiguration({ env: least })
    expect(configuration).toMatchObject({
      port: 8_000,
      retryDelayMs: 5_000,
      lsnCheckIntervalMs: 100,
      bufferAlarmSize: 1_000,
    })
    expect(Object.isFrozen(configuration) && Object.isFrozen(configuration.main)).toBe(true)
  })

  it('describes what is missing in its own words', () => {
    expect(problemsOf({ env: { ...least, SECRET_KEY: '' } })).toEqual([
      'SECRET_KEY is missing (Signs Outpost-Tokens; the same at all sites. Has no default)',
    ])
  })

  it('takes a fallback for a journal in Redis alone', () => {
    const fallback = { ...least, JOURNAL_FALLBACK: 'lmdb' }
    expect(problemsOf({ env: fallback })).toEqual([
      'JOURNAL_FALLBACK is for JOURNAL=redis: leave it out, or set that',
    ])
    const configuration = loadConfiguration({ env: { ...fallback, JOURNAL: 'redis' } })
    expect(siteOptionsOf(configuration)).toMatchObject({ journalFallback: 'lmdb' })
  })

  it('lets the environment win over .env, and that over outpost.yaml', () => {
    const yaml = { port: 1, host: 'yaml', site_name: 'yaml' }
    const configuration = loadConfiguration({
      env: { ...least, PORT: '3' },
      dotenv: 'PORT=2\nHOST=dotenv',
      yaml,
    })
    expect(configuration).toMatchObject({ port: 3, host: 'dotenv', siteName: 'observatory' })
  })

  it('refuses a name that is no setting in .env as in outpost.yaml, and leaves the environment its own', () => {
    const env = { ...least, PATH: '/bin', HTTP_PROXY: 'http://x' }
    expect(
      problemsOf({ env, dotenv: 'OUTPOST_TOKEN=t\nPORT=2\nJOURNAL_MAXBYTES=5', yaml: { colour: 'red' } }),
    ).toEqual(['outpost.yaml: COLOUR is no setting', '.env: JOURNAL_MAXBYTES is no setting'])
  })

  it('refuses to start without SECRET_KEY, and reports every problem at once', () => {
    const problems = problemsOf({
      env: { SITE_TYPE: 'tertiary', PORT: 'many', LSN_TIMEOUT: '-1', CRITICAL_OPERATIONS_BUFFER: 'false' },
      yaml: { colour: 'red' },
    })
    for (const name of [
      'SITE_NAME',
      'SITE_TYPE',
      'MAIN_DB_HOST',
      'SECRET_KEY',
      'PORT',
      'LSN_TIMEOUT',
      'CRITICAL_OPERATIONS_BUFFER',
      'COLOUR',
    ]) {
      expect(
        problems.some((problem) => problem.includes(name)),
        name,
      ).toBe(true)
    }
  })

  it('needs a replica at a secondary site only', () => {
    const { LOCAL_DB_HOST: _left, ...rest } = least
    expect(problemsOf({ env: rest })).toEqual([expect.stringContaining('LOCAL_DB_HOST')])
    expect(problemsOf({ env: { ...rest, SITE_TYPE: 'main' } })).toEqual([])
  })

  it('P9: takes the words of libpq for encryption, and says why not prefer', () => {
    const tls = {
      MAIN_DB_SSLMODE: 'verify-full',
      MAIN_DB_SSLROOTCERT: 'ca',
      MAIN_DB_SSLCERT: 'c',
      MAIN_DB_SSLKEY: 'k',
    }
    expect(siteOptionsOf(loadConfiguration({ env: { ...least, ...tls } })).main).toMatchObject({
      ssl: 'verify-full',
      sslRootCert: 'ca',
      sslCert: 'c',
      sslKey: 'k',
    })
    expect(
      problemsOf({
        env: { ...least, MAIN_DB_SSLMODE: 'prefer', LOCAL_DB_SSLMODE: 'require', LOCAL_DB_SSLKEY: 'k' },
      }),
    ).toEqual([
      expect.stringMatching(/^MAIN_DB_SSLMODE must be one of .*verify-full \(it goes on without encryption/),
      'LOCAL_DB_SSLCERT and LOCAL_DB_SSLKEY must be given together',
    ])
  })

  it('never shows a secret', () => {
    const env = { ...least, MAIN_DB_PASSWORD: 'hunter2', SECRET_KEY: 'short' }
    expect(problemsOf({ env }).join()).not.toContain('short')
    const shown = JSON.stringify(describeConfiguration({ env }))
    expect(shown).not.toMatch(/hunter2|short/)
    expect(shown).toContain('"MAIN_DB_PASSWORD":"********"')
  })

  it('gives every option its own name, a description and a form', () => {
    const names = allOptions().map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(allOptions().every(({ description, form }) => description !== '' && form !== '')).toBe(true)
  })

  it('hands the library what it takes', () => {
    const options = siteOptionsOf(
      loadConfiguration({
        env: { ...least, PROMOTABLE_STANDBYS: 'cologne2, bonn', JOURNAL_RETENTION: '60' },
      }),
    )
    expect(options).toMatchObject({
      name: 'observatory',
      journalRetentionMs: 60_000,
      promotableStandbys: ['cologne2', 'bonn'],
    })
    expect(options.local).toMatchObject({ host: 'replica', port: 5_432, database: 'ops_db' })
  })
})
