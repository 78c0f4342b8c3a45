using Evenkeel.Examination;

namespace Evenkeel.Onnx;

/// <summary>The doctor looks at ONNX files: <c>Doctor.Examine(OnnxModel.Load(path))</c>.</summary>
public static class OnnxExamination
{
    extension(Doctor)
    {
        /// <summary>
        /// Checks a model by its graph, its weights and its statistics. It is not run, and need not be one that becomes
        /// a network.
        /// </summary>
        /// <param name="model">The model.</param>
        /// <param name="options">The settings. Null takes the defaults.</param>
        /// <exception cref="IOException">A file with weights beside the model is missing or cannot be read.</exception>
        public static Diagnosis Examine(OnnxModel model, DoctorOptions? options = null)
        {
            ArgumentNullException.ThrowIfNull(model);
            return Doctor.Examine(model.Examined(), model.Name, options);
        }
    }

    /// <summary>The model as the doctor sees it: its norms and linear layers, with their neighbours.</summary>
    /// <param name="model">The model.</param>
    /// <exception cref="IOException">A file with weights beside the model is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">An attribute of a layer is damaged.</exception>
    public static ExaminedNetwork Examined(this OnnxModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        try
        {
            return new Examining.GraphReader(model).Read();
        }
        catch (InvalidDataException damaged)
        {
            throw new InvalidDataException($"OnnxModel \"{model.Name}\": expected layers that can be read, but "
                + $"{damaged.Message}. The file is damaged; get it again.", damaged);
        }
    }
}
