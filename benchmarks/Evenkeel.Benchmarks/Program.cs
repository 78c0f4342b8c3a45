using BenchmarkDotNet.Running;
using Evenkeel.Benchmarks;

if (args is ["calibrate", .. var rest]) return DoctorCalibration.Run(rest);
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
