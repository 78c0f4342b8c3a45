using System.Diagnostics;

namespace Evenkeel.Tests;

/// <summary>Programs of the system that tests prepare their surroundings with.</summary>
internal static class SystemProgram
{
    /// <summary>Runs a program to its end. False if it fails, or if there is none.</summary>
    public static bool Run(string program, params ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no such program.
            return false;
        }
    }
}
