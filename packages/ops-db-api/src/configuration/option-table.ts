import { sslModes } from 'outpost/site'
import { booleanOption, choiceOption, namesOption, secondsOption, textOption, wholeOption } from './option.ts'
import { policiesOption } from './policies-option.ts'

const daySeconds = 86_400
const opportunistic = 'it goes on without encryption when somebody on the way says that there is none'

const database = <Prefix extends string>(prefix: Prefix, what: string, isRequired: boolean) => ({
  host: textOption({ name: `${prefix}_HOST`, description: `Host of ${what}`, isRequired }),
  port: wholeOption({ name: `${prefix}_PORT`, description: `Port of ${what}`, fallback: '5432' }, 1, 65_535),
  user: textOption({
    name: `${prefix}_USER`,
    description: `Role that the site connects to ${what} as`,
    fallback: 'outpost',
  }),
  password: textOption({
    name: `${prefix}_PASSWORD`,
    description: `Its password; left out where none is asked for`,
    isSecret: true,
  }),
  database: textOption({
    name: `${prefix}_NAME`,
    description: `Name of the database on ${what}`,
    fallback: 'ops_db',
  }),
  ssl: choiceOption(
    {
      name: `${prefix}_SSLMODE`,
      description: `Encryption of the connection to ${what}, as in libpq`,
      fallback: 'disable',
    },
    sslModes,
    { allow: opportunistic, prefer: opportunistic },
  ),
  sslRootCert: textOption({
    name: `${prefix}_SSLROOTCERT`,
    description: `File (PEM) of the authorities that may vouch for ${what}; left out: those that Node knows`,
  }),
  sslCert: textOption({
    name: `${prefix}_SSLCERT`,
    description: `File (PEM) of the certificate that the site shows to ${what}`,
  }),
  sslKey: textOption({
    name: `${prefix}_SSLKEY`,
    description: `File (PEM) of its key, which only the service may read`,
  }),
})

/** Every setting of the service, once: environment, defaults, checks and the reference page come from here. */
export const optionTable = {
  siteName: textOption(
    { name: 'SITE_NAME', description: 'Name of this site, the same for its whole life', isRequired: true },
    {
      pattern: /^[a-z0-9][a-z0-9_-]{0,62}$/,
      form: 'name of lower-case letters, digits, - and _ (at most 63)',
    },
  ),
  siteType: choiceOption(
    {
      name: 'SITE_TYPE',
      description: 'Whether the site sits beside main or reaches it over the link',
      isRequired: true,
    },
    ['main', 'secondary'],
  ),
  main: database('MAIN_DB', 'main', true),
  local: database(
    'LOCAL_DB',
    "the site's replica (at the main site: a standby for reads while main is away)",
    false,
  ),
  redis: {
    host: textOption({
      name: 'REDIS_HOST',
      description: 'Host of Redis, for JOURNAL=redis',
      fallback: 'localhost',
    }),
    port: wholeOption({ name: 'REDIS_PORT', description: 'Port of Redis', fallback: '6379' }, 1, 65_535),
    database: wholeOption(
      { name: 'REDIS_DB', description: 'Number of the Redis database', fallback: '0' },
      0,
      1_000,
    ),
    password: textOption({ name: 'REDIS_PASSWORD', description: 'Password of Redis', isSecret: true }),
  },
  journal: choiceOption({ name: 'JOURNAL', description: 'Where the journal is kept', fallback: 'lmdb' }, [
    'lmdb',
    'redis',
  ]),
  journalPath: textOption({
    name: 'JOURNAL_PATH',
    description: 'Folder of the journal, on a disk that keeps what it has synced',
    fallback: './journal',
  }),
  journalMaxBytes: wholeOption(
    {
      name: 'JOURNAL_MAX_BYTES',
      description: 'Size at which the journal takes no more writes',
      fallback: String(64 * 1024 ** 3),
    },
    1024 ** 2,
    1024 ** 5,
  ),
  journalReserveBytes: wholeOption(
    {
      name: 'JOURNAL_RESERVE_BYTES',
      description:
        'The last part of JOURNAL_MAX_BYTES, which only critical calls may use; left out: a fifth of it',
    },
    0,
    1024 ** 5,
  ),
  journalRetentionBytes: wholeOption(
    {
      name: 'JOURNAL_RETENTION_BYTES',
      description:
        'Size of the journal above which confirmed transactions go before JOURNAL_RETENTION; left out: half of JOURNAL_MAX_BYTES',
    },
    0,
    1024 ** 5,
  ),
  journalDurability: choiceOption(
    {
      name: 'JOURNAL_DURABILITY',
      description: 'relaxed allows a store that can lose the last moment; answers then say so',
      fallback: 'full',
    },
    ['full', 'relaxed'],
  ),
  journalFallback: choiceOption(
    {
      name: 'JOURNAL_FALLBACK',
      description:
        'With JOURNAL=redis: lmdb keeps a copy in JOURNAL_PATH, which the processes of the site share on one machine, and records there while Redis is away or full',
      fallback: 'none',
    },
    ['none', 'lmdb'],
  ),
  journalRetentionMs: secondsOption(
    {
      name: 'JOURNAL_RETENTION',
      description: 'How long a confirmed transaction is kept for a failover',
      fallback: String(7 * daySeconds),
    },
    0,
    3_650 * daySeconds,
  ),
  promotableStandbys: namesOption({
    name: 'PROMOTABLE_STANDBYS',
    description:
      'application_name of every standby that could become main; left out means unknown, and confirmed transactions are kept',
  }),
  conflictPolicies: policiesOption({
    name: 'CONFLICT_POLICIES',
    description:
      'What becomes of a row that two sites change at once; `outpost migrate` declares it on main, where it counts. Other tables merge by column',
  }),
  buffersCriticalOperations: booleanOption({
    name: 'CRITICAL_OPERATIONS_BUFFER',
    description: 'Critical calls go through the journal; there is no other way, so false is refused',
    fallback: 'true',
  }),
  bufferAlarmSize: wholeOption(
    {
      name: 'TRANSACTION_BUFFER_SIZE',
      description: 'Pending transactions at which health warns; an alarm, not a limit',
      fallback: '1000',
    },
    1,
    1_000_000_000,
  ),
  retryAttempts: wholeOption(
    {
      name: 'TRANSACTION_RETRY_ATTEMPTS',
      description:
        'Attempts of a transaction that refers to a row which main lacks, before it is rejected; what the link cuts short is none',
      fallback: '3',
    },
    1,
    1_000,
  ),
  retryDelayMs: secondsOption(
    {
      name: 'TRANSACTION_RETRY_DELAY',
      description: 'Pause between these attempts',
      fallback: '5',
    },
    0.01,
    3_600,
  ),
  applierCalls: choiceOption(
    {
      name: 'APPLIER_CALLS',
      description:
        'How many batches may be under way to main at once; auto: more than one where the round trip is long beside the work of a batch',
      fallback: 'auto',
    },
    ['auto', '1', '2', '3', '4'],
  ),
  idleIntervalMs: secondsOption(
    {
      name: 'BACKGROUND_PROCESSING_INTERVAL',
      description: 'Longest pause of the applier when nothing is pending',
      fallback: '1',
    },
    0.01,
    3_600,
  ),
  lsnTrackingIsEnabled: booleanOption({
    name: 'LSN_TRACKING_ENABLED',
    description:
      'Follow the replica closely, with positions in health; false looks only every BACKGROUND_PROCESSING_INTERVAL',
    fallback: 'true',
  }),
  lsnCheckIntervalMs: secondsOption(
    {
      name: 'LSN_CHECK_INTERVAL',
      description: 'Pause between two looks at the replica while something waits for it',
      fallback: '0.1',
    },
    0.01,
    60,
  ),
  lsnTimeoutMs: secondsOption(
    {
      name: 'LSN_TIMEOUT',
      description: 'Longest wait for the replica to have a transaction',
      fallback: '30',
    },
    0.1,
    3_600,
  ),
  secretKey: textOption(
    {
      name: 'SECRET_KEY',
      description: 'Signs Outpost-Tokens; the same at all sites. Has no default',
      isRequired: true,
      isSecret: true,
    },
    { min: 16 },
  ),
  host: textOption({ name: 'HOST', description: 'Address that the API listens on', fallback: '127.0.0.1' }),
  port: wholeOption(
    { name: 'PORT', description: 'Port that the API listens on', fallback: '8000' },
    0,
    65_535,
  ),
} as const
