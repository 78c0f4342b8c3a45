using Evenkeel.KillTarget;

// Usage: FOLDER EPOCHS [hold]. A training that is killed by a test and begun again: it goes on where the newest
// checkpoint of the folder stands. The last line of a run that ends is its fingerprint. With "hold" it waits in the
// middle for a line on standard input.
try
{
    return KilledTraining.Run(args[0], int.Parse(args[1]), holds: args.Length > 2);
}
catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
