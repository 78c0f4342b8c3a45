namespace Evenkeel.Examination;

/// <summary>How much harm a finding does.</summary>
public enum FindingLevel
{
    /// <summary>Time, memory or clarity; the outputs are right.</summary>
    Note,

    /// <summary>A measurable loss: of accuracy, of exactness, of training.</summary>
    Warning,

    /// <summary>Outputs are wrong or not finite.</summary>
    Error,
}
