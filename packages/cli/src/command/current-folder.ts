import { OutpostError } from 'outpost'

/** The folder that the command was started in. Error: `config_invalid` where somebody has removed it since. */
export function currentFolder(): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw new OutpostError('config_invalid', 'The folder that this was started in is gone.', {
      hint: 'Change to one that exists (`cd`) and run the command again: it reads `.env` and `outpost.yaml` there.',
      cause,
    })
  }
}
