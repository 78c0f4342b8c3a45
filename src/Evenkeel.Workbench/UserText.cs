namespace Evenkeel.Workbench;

/// <summary>The message of an exception as a user reads it.</summary>
internal static class UserText
{
    /// <summary>A message in one line, without the name of a parameter, which says nothing to who calls none.</summary>
    public static string Of(Exception failure)
    {
        string message = failure.Message.ReplaceLineEndings(" ").TrimEnd();
        return failure is ArgumentException { ParamName: { } name }
            ? message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal)
            : message;
    }
}
