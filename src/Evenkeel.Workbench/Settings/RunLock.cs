namespace Evenkeel.Workbench.Settings;

/// <summary>
/// Who trains a run holds the file <c>lock</c> in its folder. The system gives it back if the process dies.
/// </summary>
internal static class RunLock
{
    private const string FileName = "lock";
    private const int Attempts = 5;

    /// <summary>Takes a run until the result is disposed.</summary>
    /// <param name="folder">The folder of the run.</param>
    /// <exception cref="WorkbenchException">Another process trains it, or the folder may not be written.</exception>
    public static FileStream Take(string folder)
    {
        string path = Path.Combine(folder, FileName);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < Attempts && File.Exists(path))
            {
                // Somebody may be asking whether it is held.
                Thread.Sleep(20);
            }
            catch (IOException failure) when (File.Exists(path))
            {
                throw new WorkbenchException(
                    $"expected a run that no other process trains, got \"{folder}\", which is being trained. Wait "
                    + "until it has ended, or begin another run.", failure);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                throw new WorkbenchException($"\"{folder}\" may not be written ({failure.Message}).", failure);
            }
        }
    }

    /// <summary>
    /// Whether somebody trains a run: by the command, or by a program that writes its checkpoints there.
    /// </summary>
    /// <param name="folder">The folder of the run.</param>
    public static bool IsHeld(string folder) =>
        IsLocked(Path.Combine(folder, FileName)) || IsLocked(Path.Combine(folder, "checkpoints", FileName));

    private static bool IsLocked(string path)
    {
        try
        {
            using var held = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
