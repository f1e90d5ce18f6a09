package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml"
)

// Kubernetes is an Indexed Job of workers for kubectl.
type Kubernetes struct {
	Workers
	Image    string // of a container with icar in its PATH
	Secret   string // holds the database's address under SecretKey
	Variable string // of the environment, from which icar takes that address
	Claim    string // of a volume of checkpoints that all pods see; "" for a folder of each's own
	Final    []int  // exit codes after which a worker would fail again
}

// The places of things in a pod.
const (
	SecretKey = "address" // of the secret with the database's address
	podFiles  = "/files"  // where the checkpoints are
)

// dnsName is the name of an object of Kubernetes (RFC 1123).
var dnsName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// Check returns an error that says which name is none.
func (k Kubernetes) Check() error {
	err := k.Workers.Check()
	switch {
	case !plain.MatchString(k.Image):
		err = errors.Join(err,
			fmt.Errorf("--image %q names no image: build one with icar in its PATH and name it, "+
				"as in --image registry/icar:1", k.Image))
	case !dnsName.MatchString(k.Secret):
		err = errors.Join(err, fmt.Errorf("--secret %q is no name of a secret: "+
			"use lower-case letters, digits, dots and dashes", k.Secret))
	case k.Claim != "" && !dnsName.MatchString(k.Claim):
		err = errors.Join(err, fmt.Errorf("--claim %q is no name of a volume claim: "+
			"use lower-case letters, digits, dots and dashes", k.Claim))
	}
	return err
}

// kibi writes an amount of memory as sbatch takes it, in MiB without a unit,
// for Kubernetes, whose G is 10⁹.
func kibi(memory string) (string, error) {
	m := regexp.MustCompile(`^([1-9][0-9]*)([KMGT]?)$`).FindStringSubmatch(memory)
	if m == nil {
		return "", fmt.Errorf("--memory %s: use a number of K, M, G or T, as in 1G", memory)
	}
	unit := m[2]
	if unit == "" {
		unit = "M"
	}
	return m[1] + unit + "i", nil
}

// Job returns the document. The error says which amount Kubernetes does not
// know.
func (k Kubernetes) Job() ([]byte, error) {
	memory, err := kibi(k.Memory)
	if err != nil {
		return nil, err
	}
	m := func(pairs ...any) (object yaml.MapSlice) {
		for i := 0; i < len(pairs); i += 2 {
			object = append(object, yaml.MapItem{Key: pairs[i], Value: pairs[i+1]})
		}
		return object
	}
	files := m("name", "files", "emptyDir", m())
	if k.Claim != "" {
		files = m("name", "files", "persistentVolumeClaim", m("claimName", k.Claim))
	}
	amounts := m("cpu", strconv.Itoa(k.CPUs), "memory", memory)
	labels := m("app.kubernetes.io/name", "icar", "icar/sweep", k.Sweep)
	worker := m(
		"name", "worker",
		"image", k.Image,
		"command", append([]string{"icar", "sweep", "work", k.Sweep, "--files", podFiles,
			"--parallel", strconv.Itoa(k.CPUs)}, k.Flags...),
		"env", []any{m("name", k.Variable,
			"valueFrom", m("secretKeyRef", m("name", k.Secret, "key", SecretKey)))},
		"resources", m("requests", amounts, "limits", amounts),
		"securityContext", m("allowPrivilegeEscalation", false),
		"volumeMounts", []any{m("name", "files", "mountPath", podFiles)},
	)
	job := m(
		"apiVersion", "batch/v1",
		"kind", "Job",
		"metadata", m("name", "icar-"+k.Sweep, "labels", labels),
		"spec", m(
			"completionMode", "Indexed",
			"completions", k.Tasks,
			"parallelism", k.Tasks,
			"backoffLimitPerIndex", 10,
			"podFailurePolicy", m("rules", []any{
				// What the cluster takes away it gives back as often as it likes.
				m("action", "Ignore",
					"onPodConditions", []any{m("type", "DisruptionTarget", "status", "True")}),
				m("action", "FailIndex", "onExitCodes",
					m("containerName", "worker", "operator", "In", "values", k.Final)),
			}),
			"template", m(
				"metadata", m("labels", labels),
				"spec", m(
					// A policy for failures asks for it; the Job makes a new pod.
					"restartPolicy", "Never",
					"terminationGracePeriodSeconds", 120, // SIGTERM saves a checkpoint
					"automountServiceAccountToken", false,
					"containers", []any{worker},
					"volumes", []any{files},
				),
			),
		),
	)
	// Every text is in quotes: 123456789012 and 1e3456789012 are names of sweeps.
	quoted := yaml.CustomMarshaler(func(text string) ([]byte, error) { return json.Marshal(text) })
	return yaml.MarshalWithOptions(job, yaml.IndentSequence(true), quoted)
}
