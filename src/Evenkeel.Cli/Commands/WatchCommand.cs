using System.CommandLine;
using Evenkeel.Workbench;
using Evenkeel.Workbench.Watching;

namespace Evenkeel.Cli.Commands;

/// <summary><c>evenkeel watch RUN...</c>: the page of runs in a browser, while they train or afterwards.</summary>
internal static class WatchCommand
{
    public static Command Create()
    {
        var folders = new Argument<string[]>("RUN")
        {
            Description = "folder of a run; several are drawn into the same charts",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<long?> port = Options.Number("--port", 1, ushort.MaxValue,
            $"port of the page (default: {WatchServer.UsualPort}, or a free one if that is in use)");
        var command = new Command("watch", "Show runs in a browser of this machine, while they train or afterwards. "
            + "Ctrl-C ends it; the training goes on.") { folders, port };
        command.Do((parse, cancellation) =>
        {
            using WatchServer server = Open(parse.GetValue(folders)!, (int)(parse.GetValue(port) ?? 0));
            Console.WriteLine(server.Address);
            Console.Error.WriteLine("The page is open until Ctrl-C; the training does not depend on it.");
            cancellation.WaitHandle.WaitOne();
            // There is nothing to be kept or lost: an end by Ctrl-C is the usual one.
            return ExitCode.Done;
        });
        return command;
    }

    private static WatchServer Open(string[] folders, int port)
    {
        try
        {
            return new WatchServer(folders, port);
        }
        catch (ArgumentException exception)
        {
            throw WorkbenchException.Usage(UserText.Of(exception));
        }
        catch (IOException exception)
        {
            throw new WorkbenchException(exception.Message, exception);
        }
    }
}
