import pg from 'pg'

/** How long the other side may take to end its half of a connection. */
const leaveMs = 500

/**
 * A client of a pool whose end ends. The driver takes leave politely and then waits for the peer to hang up as well;
 * behind a half-open link it never does, and the open socket alone keeps the process from exiting.
 */
export class BoundedClient extends pg.Client {
  override end(): Promise<void>
  override end(callback: (error: Error) => void): void
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const patience = setTimeout(() => this.connection.stream.destroy(), leaveMs).unref()
    this.once('end', () => clearTimeout(patience))
    return callback === undefined ? super.end() : super.end(callback)
  }
}
