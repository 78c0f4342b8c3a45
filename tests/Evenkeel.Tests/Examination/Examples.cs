using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Tests.Onnx;

namespace Evenkeel.Tests.Examination;

/// <summary>A finding of each rule on weights and statistics, as its page shows it.</summary>
internal static class Examples
{
    public static IEnumerable<Finding> All() =>
        Doctor.Rules.OfType<FileRule>().Select(static rule => Of(rule.Id));

    public static Finding Of(string rule) => Diagnosis(rule).Findings.First(finding => finding.Rule == rule);

    private static Diagnosis Diagnosis(string rule)
    {
        switch (rule)
        {
            case "EK111":
                var residual = new ResNet(
                    new ResNetOptions { Side = 16, Blocks = 2, Width = 8, Classes = 4 }, new Philox(1));
                Patients.Season(residual, new Philox(2));
                ((BatchNorm)residual.NamedModules().First(static pair => pair.Name == "layer1.0.bn2").Module)
                    .Weight!.Value.Fill(0);
                return Doctor.Examine(residual);
            case "EK113":
                return File(Patients.With(Patients.Make("convolutions"), "4.weight", Tensor.Ones([1])));
            case "EK114":
                var biased = new Sequential(new Conv2d(4, 8, 3, random: new Philox(3)), new BatchNorm2d(8));
                Patients.Season(biased, new Philox(4));
                ((Conv2d)biased[0]).Bias!.Value.Fill(90);
                return Doctor.Examine(biased);
            case "EK116":
                Module wide = Patients.Make("convolutions");
                Patients.Set(Patients.Norm(wide).Running!.Variance.Value, 2, 1e5);
                return Doctor.Examine(wide, new DoctorOptions { TargetType = "F16" });
            case "EK119": return Graph(PatientGraphs.Chain(1, OnnxGraph.Int("training_mode", 1)));
            case "EK120": return Graph(PatientGraphs.Chain(2, OnnxGraph.Float("momentum", 0.1f)));
            case "EK121":
                return File(Patients.With(Patients.Make("convolutions"), "4.running_var", Tensor.Ones([7])));
            case "EK122": return Graph(PatientGraphs.OneValue("InstanceNormalization"));
            case "EK124": return Doctor.Examine(Patients.Make("convolutions"));
            case "EK125": return Graph(PatientGraphs.Pieces(2));
            case "EK126": return Graph(PatientGraphs.ConstantBeside("both"));
            default:
                Module model = Patients.Make("convolutions");
                Injuries.All.Values.First(one => one.Rule == rule)
                    .Injure(model, Patients.Norm(model), Patients.Weight(model));
                return Doctor.Examine(model);
        }
    }

    private static Diagnosis File(TensorArchive archive) => Doctor.Examine(ExaminedNetwork.Of(archive), "file");

    private static Diagnosis Graph(OnnxGraph graph) => Doctor.Examine(graph.ToModel());
}
