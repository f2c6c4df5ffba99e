import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { LabMissing } from '@outpost/lab'
import { describeWhenFound } from '@outpost/lab/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { processContext } from '../command/context.ts'
import { withMain } from './main-database.ts'

function findOpenssl(): string {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' })
  } catch {
    throw new LabMissing('openssl is not installed.', 'Install openssl.')
  }
}

describeWhenFound('a main whose certificate nobody vouches for', findOpenssl, () => {
  let folder: string
  let main: Server

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'outpost-certificate-'))
    const [keyPath, certPath] = [join(folder, 'key'), join(folder, 'cert')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    const args = [
      'req',
      '-x509',
      '-nodes',
      '-newkey',
      'rsa:2048',
      '-keyout',
      keyPath,
      '-out',
      certPath,
      ...subject,
    ]
    execFileSync('openssl', args, { stdio: 'ignore' })
    const [key, cert] = [readFileSync(keyPath), readFileSync(certPath)]
    // Takes up encryption as PostgreSQL does: a request, the letter S, a handshake.
    main = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => {
        socket.write('S')
        new TLSSocket(socket, { isServer: true, key, cert }).on('error', () => undefined)
      })
    }).listen(0, '127.0.0.1')
    await once(main, 'listening')
  })
  afterAll(() => {
    main.close()
    rmSync(folder, { recursive: true })
  })

  it('P9: is told apart from one that does not answer', async () => {
    const { port } = main.address() as { readonly port: number }
    const env = { MAIN_DB_HOST: '127.0.0.1', MAIN_DB_PORT: String(port), MAIN_DB_SSLMODE: 'verify-full' }
    await expect(
      withMain({ ...processContext(), cwd: () => folder, env }, () => Promise.resolve()),
    ).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(
        /^The encryption of the connection .* failed: self-signed certificate\.$/,
      ),
      hint: expect.stringContaining('MAIN_DB_SSLROOTCERT'),
    })
  })
})

it('P9: a main without encryption is told apart from one that does not answer', async () => {
  const plain = createServer((socket) => {
    socket.on('error', () => undefined)
    // PostgreSQL's answer to a request for encryption when it has none.
    socket.once('data', () => socket.write('N'))
  }).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  try {
    const { port } = plain.address() as { readonly port: number }
    const env = { MAIN_DB_HOST: '127.0.0.1', MAIN_DB_PORT: String(port), MAIN_DB_SSLMODE: 'verify-full' }
    await expect(
      withMain({ ...processContext(), cwd: tmpdir, env }, () => Promise.resolve()),
    ).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('does not support SSL connections'),
      hint: expect.stringContaining('MAIN_DB_SSLMODE'),
    })
  } finally {
    plain.close()
  }
})
