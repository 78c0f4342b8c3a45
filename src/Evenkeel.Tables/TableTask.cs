namespace Evenkeel.Tables;

/// <summary>What is predicted from a row.</summary>
public enum TableTask
{
    /// <summary>One of several classes: the text or the number in one column.</summary>
    Classification,

    /// <summary>One or several numbers: those of the target columns.</summary>
    Regression,
}
