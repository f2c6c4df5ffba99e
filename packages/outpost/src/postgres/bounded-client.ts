import type pg from 'pg'
import { DatabaseClient } from './database-client.ts'
import { settleSession } from './session-settings.ts'

/** How long the other side may take to end its half of a connection. */
const leaveMs = 500

/** The statement under way reports it. */
const ignore = () => undefined

/**
 * A client of a pool whose session is settled before its first use (see {@link settleSession}), and whose end ends:
 * the driver takes leave politely and then waits for the peer to hang up as well; behind a half-open link it never
 * does, and the open socket alone keeps the process from exiting.
 */
export class BoundedClient extends DatabaseClient {
  override end(): Promise<void>
  override end(callback: (error: Error) => void): void
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const patience = setTimeout(() => this.connection.stream.destroy(), leaveMs).unref()
    this.once('end', () => clearTimeout(patience))
    return callback === undefined ? super.end() : super.end(callback)
  }

  protected override async open(): Promise<pg.Client> {
    await super.open()
    // Its pool listens only once it is handed over: a connection that breaks before would end the process.
    this.on('error', ignore)
    try {
      await settleSession(this)
      this.off('error', ignore)
      return this
    } catch (error) {
      // A pool forgets a client that did not connect, so nobody else would close this one.
      this.connection.stream.destroy()
      throw error
    }
  }
}
