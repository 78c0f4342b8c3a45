namespace Evenkeel.Tables;

/// <summary>What happens to a row in which a value is missing.</summary>
public enum MissingValue
{
    /// <summary>The row is an error that names line and column.</summary>
    Refuse,

    /// <summary>The row is left out. The notes say how many rows were.</summary>
    DropRow,

    /// <summary>
    /// A missing number or date is filled in by <see cref="TablePreprocessing"/>, and an input says that it is missing.
    /// A missing category is a category. A row whose target is missing is left out.
    /// </summary>
    Impute,
}
