using Evenkeel.Mpi;
using Evenkeel.MpiTarget;

// Usage: train|speed alone|mpi [NAME=VALUE ...]. A test starts it alone or under mpirun. The first process prints the
// result in its last line.
var target = new TargetOptions(args[2..]);
Func<TargetOptions, Evenkeel.IProcessGroup?, string> work = args[0] == "train" ? SharedTraining.Run : Speed.Run;
if (args[1] == "alone")
{
    Console.WriteLine(work(target, null));
    return 0;
}

try
{
    using MpiCollective processes =
        MpiCollective.Start(new MpiOptions { Deadline = TimeSpan.FromSeconds(target.Deadline) });
    try
    {
        string result = work(target, processes);
        if (processes.Rank == 0) Console.WriteLine($"{result} ({processes.Library}, {processes.Size} processes)");
        return 0;
    }
    catch (InvalidOperationException refused)
    {
        if (processes.Rank == 0) Console.Error.WriteLine(refused.Message);
        return 1;
    }
}
catch (MpiNotFoundException missing)
{
    Console.Error.WriteLine(missing.Message);
    return 1;
}
