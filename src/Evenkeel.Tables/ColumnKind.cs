namespace Evenkeel.Tables;

/// <summary>What a column of a table means.</summary>
public enum ColumnKind
{
    /// <summary>A number, which is an input as it is.</summary>
    Number,

    /// <summary>One of several texts or numbers. Each becomes an input of 0 or 1.</summary>
    Category,

    /// <summary>A date, which becomes a number of days and some of its parts.</summary>
    Date,

    /// <summary>What is predicted.</summary>
    Target,

    /// <summary>Not used. <see cref="TableColumn.Why"/> says why.</summary>
    Ignored,
}
