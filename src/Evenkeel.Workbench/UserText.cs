using System.Buffers;
using Evenkeel.Examination;

namespace Evenkeel.Workbench;

/// <summary>The message of an exception, and other words, as a user reads them.</summary>
internal static class UserText
{
    private static readonly SearchValues<char> s_name =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.");

    /// <summary>Whether the message is about what a user gave: data, files, settings.</summary>
    public static bool IsForUser(Exception failure) =>
        failure is InvalidDataException or ArgumentException or IOException or UnauthorizedAccessException;

    /// <summary>A request at fault, with the message of what refused it.</summary>
    public static WorkbenchException Usage(Exception failure) => new(Of(failure), failure) { IsUsage = true };

    /// <summary>A message in one line, without the name of a parameter, which says nothing to who calls none.</summary>
    public static string Of(Exception failure)
    {
        string message = WithoutPlace(failure.Message.ReplaceLineEndings(" ").TrimEnd());
        return failure is ArgumentException { ParamName: { } name }
            ? message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal)
            : message;
    }

    /// <summary>The word for a level of a finding.</summary>
    public static string Of(FindingLevel level) => level switch
    {
        FindingLevel.Error => "error",
        FindingLevel.Warning => "warning",
        _ => "note",
    };

    /// <summary>
    /// Errors of the library begin with the class that throws them, which a user of commands does not know. Readers
    /// name the file after their class: <c>SafeTensors "x": ...</c>.
    /// </summary>
    private static string WithoutPlace(string message)
    {
        int word = message.AsSpan().IndexOfAnyExcept(s_name);
        if (word > 1 && message.AsSpan(word).StartsWith(" \"", StringComparison.Ordinal)
            && message.AsSpan(1, word - 1).IndexOfAnyInRange('A', 'Z') >= 0) return message[(word + 1)..];
        int end = message.IndexOf(": ", StringComparison.Ordinal);
        return end > 0 && char.IsAsciiLetterUpper(message[0])
            && message.AsSpan(0, end).IndexOfAnyExcept(s_name) < 0 ? message[(end + 2)..] : message;
    }
}
