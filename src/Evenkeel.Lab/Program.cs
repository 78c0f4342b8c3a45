using Evenkeel.Lab.Commands;

return await EvenkeelCommand.RunAsync(args).ConfigureAwait(false);
