import { SidecarError } from '../protocol/index.js';
import type { PrepareContext } from './prepare-upload.js';
import { runProgram } from './run-program.js';

/** The author of the first commit where git knows none; `git commit --amend --reset-author` puts a real one there. */
const STAND_IN_AUTHOR = ['-c', 'user.name=fluorite-flake', '-c', 'user.email=fluorite-flake@localhost'];

/** Makes a git repository of `folder`, on the branch main, with everything in one commit. */
export async function createRepository(folder: string, context: PrepareContext): Promise<void> {
  context.progress({ message: 'Making a git repository' });
  const git = (...args: string[]) => runProgram('git', args, folder, context.signal);
  await git('-c', 'init.defaultBranch=main', 'init', '--quiet');
  await git('add', '--all');
  const author = (await knowsAuthor(git)) ? [] : STAND_IN_AUTHOR;
  // Signing could ask for a passphrase, and a user's hooks are not meant for this commit.
  const options = [
    '--quiet',
    '--no-verify',
    '--no-gpg-sign',
    '--message',
    'Project created by fluorite-flake',
  ];
  await git(...author, 'commit', ...options);
}

async function knowsAuthor(git: (...args: string[]) => Promise<void>): Promise<boolean> {
  try {
    await git('-c', 'user.useConfigOnly=true', 'var', 'GIT_COMMITTER_IDENT');
    return true;
  } catch (error) {
    if (error instanceof SidecarError && error.code === 'command-failed') return false;
    throw error;
  }
}
