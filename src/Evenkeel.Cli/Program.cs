using Evenkeel.Cli.Commands;

return await EvenkeelCommand.RunAsync(args).ConfigureAwait(false);
