using Evenkeel.Examination;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>What a user asks the doctor.</summary>
/// <param name="Path">The folder of a run, or a file of weights.</param>
/// <param name="Options">What is checked, and by which bounds.</param>
internal sealed record DoctorRequest(string Path, DoctorOptions Options)
{
    /// <summary>Samples to run the network on; null runs nothing.</summary>
    public string? Data { get; init; }

    /// <summary>A second set to compare <see cref="Data"/> with; null compares nothing.</summary>
    public string? OtherData { get; init; }

    /// <summary>Whether unknown objects in a PyTorch file are left out.</summary>
    public bool SkipUnknown { get; init; }

    /// <summary>Whether pictures that cannot be decoded are left out.</summary>
    public bool SkipBad { get; init; }

    /// <summary>What the user says of the pictures of an ONNX file.</summary>
    public PictureChoice Pictures { get; init; } = PictureChoice.None;

    /// <summary>The shape of an input of an ONNX file that takes several sizes.</summary>
    public string? Shape { get; init; }

    /// <summary>The file for the repaired network; null repairs nothing.</summary>
    public string? FixTo { get; init; }

    /// <summary>Whether the repair folds norms.</summary>
    public bool Fold { get; init; }
}
